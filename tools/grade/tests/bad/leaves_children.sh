#!/bin/sh
# A start script that leaves a helper of its own behind; the server that it starts is not there. Caught by tcp-echo listens.
(while :; do sleep 1; done) &
exec ./no-such-server
