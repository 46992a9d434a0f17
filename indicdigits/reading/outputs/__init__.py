"""What other programs take readings in: CSV, hOCR and ALTO; and a picture for people."""
