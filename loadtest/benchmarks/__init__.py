"""Benchmarks: work per second of server CPU, in turn with a named reference, so that what others do on the machine cancels out.

To add one, write a module with a `Benchmark` in it and name that in the tuple `BENCHMARKS` of its package (`whole_path` or `parts`):

    def measure(trial: Trial) -> Sample:
        with Something(trial.imcore.env()) as server:        # processes of its own, started anew for every round
            with watch({"api": server.pid}) as window:       # CPU of the whole process trees of these parts
                sends = drive(server, seconds=trial.seconds(10))
        return window.sample({"sends_per_cpu_s": sends / window.cpu_s}, client_pid=…)

    SENDS = Benchmark(
        name="sends",
        title="Messages stored, by 100 users",
        variants=(Variant("baseline", measure_baseline), Variant("imcore", measure, is_imcore=True)),
        figures=("sends_per_cpu_s", "accept_p99_ms"),
        claims=(ratio("imcore", "baseline", "sends_per_cpu_s", at_least=12),),
    )

Every round runs the variants one after another; a ratio is taken inside a round. Names of figures carry their units. A variant with
`is_imcore` takes the code from `trial.imcore`, never by an import in this process: `make bench-compare` runs it on two commits in turn.
"""
