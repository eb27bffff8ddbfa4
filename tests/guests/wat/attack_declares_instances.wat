;; Holds a module that is instantiated a thousand times.
(module
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
;; @component
(core module $bomb)
;; @repeat 990
(core instance (instantiate $bomb))
