;; Says that it is a name which ends before its end.
(module
  ;; @name hello\00-2
  ;; @gives "one"
  ;; @memory
  ;; @describe
  ;; @realloc)
