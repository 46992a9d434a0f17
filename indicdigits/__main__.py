"""`python -m indicdigits` is the command `indicdigits`."""

from indicdigits.cli.app import main

if __name__ == "__main__":
    main()
