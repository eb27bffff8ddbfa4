;; Is no skill but the description of an interface, as tools encode it.
(component
  (type (component
    (type (instance (export "f" (func))))
    (export "evil:thing/x@1.0.0" (instance (type 0)))))
  (export "x" (type 0)))
