#!/bin/sh
# socat without "fork" serves one client and ends. Caught by tcp-echo next-client.
exec socat TCP-LISTEN:6797,bind=127.0.0.1,reuseaddr EXEC:cat
