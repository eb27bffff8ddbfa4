;; Asks for one interface in two versions, of which the host has one.
(component
  (import "ringfence:log/log@0.1.0" (instance))
  (import "ringfence:log/log@0.1.9" (instance)))
