;; Holds a module that is instantiated a thousand times, each with a memory of its own.
(module
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
;; @component
(core module $bomb (memory 1))
;; @repeat 990
(core instance (instantiate $bomb))
