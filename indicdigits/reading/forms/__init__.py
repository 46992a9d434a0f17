"""Forms: a template says where the fields are, and a picture becomes a record.

`template` reads the TOML file, `marks` finds the registration marks, `printed` tells one form from
another, `form` reads the fields, and `drawing` makes the page on which a template is drawn.
"""
