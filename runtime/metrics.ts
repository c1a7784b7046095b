import { Registry, Counter, Gauge, Histogram } from 'prom-client'

/** All metric names start with `thump_`; label sets are closed and small. One registry a process. */
export interface Metrics {
  readonly registry: Registry
  counter<L extends string>(name: `thump_${string}`, help: string, labels?: readonly L[]): Counter<L>
  gauge<L extends string>(
    name: `thump_${string}`,
    help: string,
    labels?: readonly L[],
    collect?: (gauge: Gauge<L>) => void,
  ): Gauge<L>
  histogram<L extends string>(
    name: `thump_${string}`,
    help: string,
    buckets: readonly number[],
    labels?: readonly L[],
  ): Histogram<L>
}

/**
 * Asking twice for one name gives the same metric, so that roles in one process share it; a gauge's value is collected by
 * who asked last, so that a part that is started anew takes over.
 */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const known = <M>(name: string) => registry.getSingleMetric(name) as M | undefined
  const registers = [registry]
  const collectors = new Map<string, (gauge: never) => void>()
  return {
    registry,
    counter: (name, help, labels = []) => known(name) ?? new Counter({ name, help, labelNames: labels, registers }),
    gauge: (name, help, labels = [], collect) => {
      if (collect) collectors.set(name, collect)
      return (
        known(name) ??
        new Gauge({
          name,
          help,
          labelNames: labels,
          registers,
          collect() {
            collectors.get(name)?.(this as never)
          },
        })
      )
    },
    histogram: (name, help, buckets, labels = []) =>
      known(name) ?? new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers }),
  }
}
