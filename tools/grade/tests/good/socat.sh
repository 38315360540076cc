#!/bin/sh
# socat with "fork": a process for each client, and one more for cat. Passes tcp-echo.
exec socat -t 30 "TCP-LISTEN:$PORT,bind=$HOST,reuseaddr,fork" EXEC:cat
