#!/usr/bin/env bash
# A filled-in cheque and a page of a register: drawn, photographed (in the machine), and read.
# Called by `make demo`; BIN is the folder of the commands `python` and `indicdigits`.
set -euo pipefail

OUT=runs/demo

step() {
  printf '\n$ %s\n' "$*"
  "$BIN/$@"
}

step python examples/forms/draw.py "$OUT"
step indicdigits read "$OUT/cheque.jpg" --template examples/forms/cheque.toml \
  --annotated "$OUT/demo-cheque.png"
step indicdigits read "$OUT/register.jpg" --script devanagari --csv "$OUT/register.csv" \
  --hocr "$OUT/register.hocr" --annotated "$OUT/demo-register.png"
printf '\nLook at %s: what was read stands beside it, green accepted, red refused.\n' \
  "$OUT/demo-cheque.png and $OUT/demo-register.png"
