;; Promises the same total in a version that calls itself compatible, and asks for a power that the one before did without.
(module
  (import "ringfence:http/http@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  ;; @name adds-up
  ;; @version 1.1.0
  ;; @input {"type":"object"}
  ;; @output {"type":"object","properties":{"total":{"type":"integer"}},"required":["total"]}
  ;; @gives {"total":1}
  ;; @memory
  ;; @describe
  ;; @realloc
)
