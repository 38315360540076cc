// An echo server with a goroutine for every client. Usage: echo PORT
package main

import (
	"net"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			continue
		}
		go func() {
			defer client.Close()
			buffer := make([]byte, 4096)
			for {
				received, err := client.Read(buffer)
				if err != nil {
					return
				}
				if _, err := client.Write(buffer[:received]); err != nil {
					return
				}
			}
		}()
	}
}
