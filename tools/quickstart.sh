#!/usr/bin/env bash
# A Devanagari reader of your own, from the shipped MNIST backbone to a picture that is read.
# Called by `make quickstart`; BIN is the folder of the command `indicdigits`.
set -euo pipefail

RUN=runs/quickstart
BUNDLE=$RUN/devanagari.indicdigits
PICTURE=docs/pictures/sample-devanagari.png
NO_DATA=4  # the exit code for data that cannot be had

step() {
  local start=$SECONDS
  printf '\n$ indicdigits %s\n' "$*"
  "$BIN/indicdigits" "$@" || return $?
  printf '(%s s)\n' $((SECONDS - start))
}

DATA=()
status=0
step data prepare cmaterdb/devanagari || status=$?
if [ "$status" -eq "$NO_DATA" ]; then
  echo
  echo "The handwriting cannot be had here: no mirror and no network (see the error above)."
  echo "Going on with digits that this project draws itself, so the figures below are about"
  echo "drawn digits and say nothing about handwriting."
  DATA=(--data strokes/devanagari)
elif [ "$status" -ne 0 ]; then
  exit "$status"
fi

rm -rf "$RUN"  # of an earlier quickstart
step finetune --script devanagari ${DATA[@]+"${DATA[@]}"} --out "$RUN"
step evaluate "$RUN"
step export "$RUN" --format onnx --out "$BUNDLE"
step predict "$BUNDLE" "$PICTURE"

printf '\nDone in %s s. The report is %s/report/report.html, the reader %s.\n' \
  "$SECONDS" "$RUN" "$BUNDLE"
