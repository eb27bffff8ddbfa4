;; Takes one thousand table elements more, and a thousand more, for ever.
(module
  ;; @memory
  ;; @describe
  ;; @realloc
  (table $t 0 funcref)
  (func (export "run") (param i32 i32 i32 i32) (result i32)
    (loop
      (drop (table.grow $t (ref.null func) (i32.const 1000)))
      (br 0))
    (unreachable)))
