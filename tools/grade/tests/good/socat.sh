#!/bin/sh
# socat with "fork": a process for each client, and one more for cat.
exec socat "TCP-LISTEN:$PORT,bind=$HOST,reuseaddr,fork" EXEC:cat
