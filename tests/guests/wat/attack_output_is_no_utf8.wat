;; Gives a text that is none.
(module
  ;; @gives "\ff\fe\c0\af"
  ;; @memory
  ;; @describe
  ;; @realloc)
