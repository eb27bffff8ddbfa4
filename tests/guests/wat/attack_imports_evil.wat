;; Asks for a power that this host has never heard of.
(component
  (import "evil:thing/x@1.0.0" (instance (export "do" (func)))))
