#!/bin/sh
# It ends before it has a socket. Caught by tcp-echo listens.
echo "echo: cannot read echo.conf: no such file" >&2
exit 3
