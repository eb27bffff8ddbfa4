;; Promises a total and gives it, without any power.
(module
  ;; @name adds-up
  ;; @version 1.0.0
  ;; @input {"type":"object"}
  ;; @output {"type":"object","properties":{"total":{"type":"integer"}},"required":["total"]}
  ;; @gives {"total":1}
  ;; @memory
  ;; @describe
  ;; @realloc
)
