#!/bin/bash
# The shell's own client; where nobody listens its status is lost. Caught by tcp-client nobody.
if exec 3<>"/dev/tcp/$HOST/$PORT"; then
  printf %s "$MESSAGE" >&3 &
  answer=$(head -c ${#MESSAGE} <&3)
  echo "$answer"
  [ "$answer" = "$MESSAGE" ] || exit 1
fi
