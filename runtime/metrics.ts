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

/** Asking twice for one name gives the same metric, so that roles in one process share it. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const known = <M>(name: string) => registry.getSingleMetric(name) as M | undefined
  const registers = [registry]
  return {
    registry,
    counter: (name, help, labels = []) => known(name) ?? new Counter({ name, help, labelNames: labels, registers }),
    gauge: (name, help, labels = [], collect) =>
      known(name) ??
      new Gauge({
        name,
        help,
        labelNames: labels,
        registers,
        ...(collect && {
          collect() {
            collect(this)
          },
        }),
      }),
    histogram: (name, help, buckets, labels = []) =>
      known(name) ?? new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers }),
  }
}
