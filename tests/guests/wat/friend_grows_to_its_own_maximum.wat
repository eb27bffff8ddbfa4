;; Takes memory and table elements up to the most that it declares itself, asks for more, and is told -1 both times.
(module
  (memory (export "memory") 1 3)
  ;; @describe
  ;; @realloc
  (table $t 0 50 funcref)
  (data (i32.const 2000) "\00\00\00\00\34\08\00\00\04\00\00\00")
  (data (i32.const 2100) "\22ok\22")
  (func (export "run") (param i32 i32 i32 i32) (result i32)
    (if (i32.ne (memory.grow (i32.const 2)) (i32.const 1)) (then (unreachable)))
    (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (memory.grow (i32.const 65536)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (table.grow $t (ref.null func) (i32.const 50)) (i32.const 0)) (then (unreachable)))
    (if (i32.ne (table.grow $t (ref.null func) (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (table.grow $t (ref.null func) (i32.const 30000)) (i32.const -1)) (then (unreachable)))
    (i32.const 2000)))
