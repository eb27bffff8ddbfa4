;; Exports what no skill has: a function that traps, and an interface of the host's own, in two versions at once.
(module
  ;; @gives "one"
  ;; @memory
  ;; @describe
  ;; @realloc)
;; @component
(core module $more (func (export "more") (unreachable)))
(core instance $more (instantiate $more))
(func $more (canon lift (core func $more "more")))
(instance $log (export "write" (func $more)))
(export "more" (func $more))
(export "ringfence:log/log@0.1.0" (instance $log))
(export "ringfence:log/log@0.1.9" (instance $log))
