;; Asks for sockets.
(component
  (import "wasi:sockets/instance-network@0.2.6" (instance
    (export "network" (type (sub resource))))))
