;; Describes its output by a short pattern that becomes a huge machine.
(module
  ;; @output {"pattern":"(a{200}){100}"}
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
