;; Says that its name is ten kilobytes of letters.
(module
  (memory (export "memory") 1)
  (data (i32.const 512) "\00\20\00\00\00\28\00\00\00\04\00\00\01\00\00\00\10\04\00\00\05\00\00\00\20\04\00\00\02\00\00\00\20\04\00\00\02\00\00\00")
  (data (i32.const 1024) "x")
  (data (i32.const 1040) "0.1.0")
  (data (i32.const 1056) "{}")
  (func (export "describe") (result i32)
    (memory.fill (i32.const 8192) (i32.const 97) (i32.const 10240))
    (i32.const 512))
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
