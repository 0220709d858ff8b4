// Pause holds a pod's namespaces open. It is static: a pod's first container gets none of the
// host's folders that its other containers get.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}
