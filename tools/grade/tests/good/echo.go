// A goroutine for each client. Passes tcp-echo.
package main

import (
	"io"
	"log"
	"net"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", os.Getenv("ADDR"))
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go func() {
			defer connection.Close()
			// A buffer of our own: io.Copy alone would have the kernel move the bytes.
			io.CopyBuffer(struct{ io.Writer }{connection}, struct{ io.Reader }{connection}, make([]byte, 4096))
		}()
	}
}
