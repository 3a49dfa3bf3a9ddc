// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

// The pages are as wide as they are.
// swift-format-ignore-file
/// How traces look, at 60, 80 and 120 columns. Look at a new one before it goes in here.
enum TraceGoldens {
    static let eventful: [Int: String] = [
        60: """
            job    job-1
            type   email:welcome in queue mail
            state  completed
            total  6.93s, from 2026-11-21T09:30:00.125Z
            trace  0af7651916cd43dd8448eb211c80319c
            spans  enqueue b7ad6b7169203331
                   attempt 1 (lost) 30f9b059dcb8dc85
                   attempt 1 (retried) 80f6592004dea8aa
                   attempt 2 (buried) 54efa8722ef12bd6
                   attempt 1 (completed) 07744cb312e8ff7d

            WHAT           AT   TOOK  0         6.93s  OUTCOME    WORKER
            enqueue         0         │
            wait 1          0  102ms  ▒
            attempt 1  +102ms  3.36s  ████████         lost       w1
              └ lease_expired: the worker did not extend its lease
            reclaim    +3.47s                │
            wait 1     +3.47s    1ms         ▒
            attempt 1  +3.47s  311ms         ▐▌        retried    w2
              └ exit_status: exit status 1: cannot connect to smtp.exam…
            retry      +3.78s  988ms          ░░░
            wait 2     +4.77s    9ms            ▒
            attempt 2  +4.77s  306ms            █      buried     w2
              └ timeout after 300ms
            bury       +5.08s                   │
              └ attempts_exhausted
            redrive    +6.45s                      │   by hand
            wait 1     +6.45s   82ms               ▒▒
            attempt 1  +6.53s  403ms                █  completed  w3
            complete   +6.93s                       │

            w1 web-1-4711-07b7e2f8
            w2 web-2-12-b6637480
            w3 web-3-9-7352db31
            """,
        80: """
            job    job-1
            type   email:welcome in queue mail
            state  completed
            total  6.93s, from 2026-11-21T09:30:00.125Z
            trace  0af7651916cd43dd8448eb211c80319c
            spans  enqueue b7ad6b7169203331  attempt 1 (lost) 30f9b059dcb8dc85
                   attempt 1 (retried) 80f6592004dea8aa  attempt 2 (buried) 54efa8722ef12bd6
                   attempt 1 (completed) 07744cb312e8ff7d

            WHAT           AT   TOOK  0                3.46s        6.93s  OUTCOME    WORKER
            enqueue         0         │
            wait 1          0  102ms  ▒
            attempt 1  +102ms  3.36s  ▐█████████████████                   lost       w1
              └ lease_expired: the worker did not extend its lease
            reclaim    +3.47s                          │
            wait 1     +3.47s    1ms                   ▒
            attempt 1  +3.47s  311ms                   ▐█▌                 retried    w2
              └ exit_status: exit status 1: cannot connect to smtp.example.com: no route
            retry      +3.78s  988ms                     ░░░░░░
            wait 2     +4.77s    9ms                          ▒
            attempt 2  +4.77s  306ms                          ██           buried     w2
              └ timeout after 300ms
            bury       +5.08s                                  │
              └ attempts_exhausted
            redrive    +6.45s                                         │    by hand
            wait 1     +6.45s   82ms                                  ▒
            attempt 1  +6.53s  403ms                                  ▐██  completed  w3
            complete   +6.93s                                           │

            w1 web-1-4711-07b7e2f8
            w2 web-2-12-b6637480
            w3 web-3-9-7352db31
            """,
        120: """
            job    job-1
            type   email:welcome in queue mail
            state  completed
            total  6.93s, from 2026-11-21T09:30:00.125Z
            trace  0af7651916cd43dd8448eb211c80319c
            spans  enqueue b7ad6b7169203331  attempt 1 (lost) 30f9b059dcb8dc85  attempt 1 (retried) 80f6592004dea8aa
                   attempt 2 (buried) 54efa8722ef12bd6  attempt 1 (completed) 07744cb312e8ff7d

            WHAT           AT   TOOK  0                              3.46s                     6.93s  OUTCOME    WORKER
            enqueue         0         │
            wait 1          0  102ms  ▒
            attempt 1  +102ms  3.36s  ▐██████████████████████████████▌                                lost       web-1-4711-07b7e2f8
              └ lease_expired: the worker did not extend its lease
            reclaim    +3.47s                                        │
            wait 1     +3.47s    1ms                                 ▒
            attempt 1  +3.47s  311ms                                 ███                              retried    web-2-12-b6637480
              └ exit_status: exit status 1: cannot connect to smtp.example.com: no route
            retry      +3.78s  988ms                                   ░░░░░░░░░░
            wait 2     +4.77s    9ms                                            ▒
            attempt 2  +4.77s  306ms                                            ▐██▌                  buried     web-2-12-b6637480
              └ timeout after 300ms
            bury       +5.08s                                                      │
              └ attempts_exhausted
            redrive    +6.45s                                                                  │      by hand
            wait 1     +6.45s   82ms                                                           ▒▒
            attempt 1  +6.53s  403ms                                                            ████  completed  web-3-9-7352db31
            complete   +6.93s                                                                      │
            """,
    ]

    static let slow: [Int: String] = [
        60: """
            job    job-1
            type   email:welcome in queue mail
            state  completed
            total  3h00m, from 2026-11-21T09:30:00.125Z
            trace  0af7651916cd43dd8448eb211c80319c
            spans  enqueue b7ad6b7169203331
                   attempt 1 (retried) 14c561053cbae58b
                   attempt 2 (retried) 172738256154fc48
                   in trace 0af7651916fbb3cc172738256154fc49
                   attempt 3 (completed) a30b320e37d849df
                   in trace 0af7651916698cb4a30b320e37d849df

            WHAT           AT   TOOK  0         3h00m  OUTCOME    WORKER
            enqueue         0         │  ┊     ┊
            wait 1          0   50ms  ▒  ┊     ┊
            attempt 1   +50ms  300ms  ██ ┊     ┊       retried    w1
              └ timeout
            retry      +350ms  1h00m   ░░┊░    ┊
            wait 2     +1h00m   50ms     ┊▒    ┊
            attempt 2  +1h00m  500ms     ┊ ██▌ ┊       retried    w1
              └ timeout
            retry      +1h00m  2h00m     ┊   ░░┊░
            wait 3     +3h00m  100ms     ┊     ┊▒
            attempt 3  +3h00m  800ms     ┊     ┊ ████  completed  w1
            complete   +3h00m            ┊     ┊    │

            ┊ left out: 1h00m, 2h00m in which nothing ran
            w1 web-1-4711-07b7e2f8
            """,
        80: """
            job    job-1
            type   email:welcome in queue mail
            state  completed
            total  3h00m, from 2026-11-21T09:30:00.125Z
            trace  0af7651916cd43dd8448eb211c80319c
            spans  enqueue b7ad6b7169203331  attempt 1 (retried) 14c561053cbae58b
                   attempt 2 (retried) 172738256154fc48
                   in trace 0af7651916fbb3cc172738256154fc49
                   attempt 3 (completed) a30b320e37d849df
                   in trace 0af7651916698cb4a30b320e37d849df

            WHAT           AT   TOOK  0   ~1h00m       ~2h00m       3h00m  OUTCOME    WORKER
            enqueue         0         │      ┊            ┊
            wait 1          0   50ms  ▒      ┊            ┊
            attempt 1   +50ms  300ms  ▐████  ┊            ┊                retried    w1
              └ timeout
            retry      +350ms  1h00m      ░░░┊░░          ┊
            wait 2     +1h00m   50ms         ┊ ▒▒         ┊
            attempt 2  +1h00m  500ms         ┊  ▐██████▌  ┊                retried    w1
              └ timeout
            retry      +1h00m  2h00m         ┊         ░░░┊░░
            wait 3     +3h00m  100ms         ┊            ┊ ▒▒
            attempt 3  +3h00m  800ms         ┊            ┊  ▐███████████  completed  w1
            complete   +3h00m                ┊            ┊             │

            ┊ left out: 1h00m, 2h00m in which nothing ran
            w1 web-1-4711-07b7e2f8
            """,
        120: """
            job    job-1
            type   email:welcome in queue mail
            state  completed
            total  3h00m, from 2026-11-21T09:30:00.125Z
            trace  0af7651916cd43dd8448eb211c80319c
            spans  enqueue b7ad6b7169203331  attempt 1 (retried) 14c561053cbae58b  attempt 2 (retried) 172738256154fc48
                   in trace 0af7651916fbb3cc172738256154fc49  attempt 3 (completed) a30b320e37d849df
                   in trace 0af7651916698cb4a30b320e37d849df

            WHAT           AT   TOOK  0        ~1h00m               ~2h00m                     3h00m  OUTCOME    WORKER
            enqueue         0         │           ┊                    ┊
            wait 1          0   50ms  ▒▒          ┊                    ┊
            attempt 1   +50ms  300ms   █████████▌ ┊                    ┊                              retried    web-1-4711-07b7e2f8
              └ timeout
            retry      +350ms  1h00m            ░░┊░░░                 ┊
            wait 2     +1h00m   50ms              ┊  ▒▒                ┊
            attempt 2  +1h00m  500ms              ┊   ▐██████████████  ┊                              retried    web-1-4711-07b7e2f8
              └ timeout
            retry      +1h00m  2h00m              ┊                  ░░┊░░
            wait 3     +3h00m  100ms              ┊                    ┊  ▒▒▒
            attempt 3  +3h00m  800ms              ┊                    ┊    ▐███████████████████████  completed  web-1-4711-07b7e2f8
            complete   +3h00m                     ┊                    ┊                           │

            ┊ left out: 1h00m, 2h00m in which nothing ran
            """,
    ]

    static let slowASCII = """
        job    job-1
        type   email:welcome in queue mail
        state  completed
        total  3h00m, from 2026-11-21T09:30:00.125Z
        trace  0af7651916cd43dd8448eb211c80319c
        spans  enqueue b7ad6b7169203331  attempt 1 (retried) 14c561053cbae58b
               attempt 2 (retried) 172738256154fc48
               in trace 0af7651916fbb3cc172738256154fc49
               attempt 3 (completed) a30b320e37d849df
               in trace 0af7651916698cb4a30b320e37d849df

        WHAT           AT   TOOK  0   ~1h00m       ~2h00m       3h00m  OUTCOME    WORKER
        enqueue         0         |      :            :
        wait 1          0   50ms  =      :            :
        attempt 1   +50ms  300ms  #####  :            :                retried    w1
          `- timeout
        retry      +350ms  1h00m      ...:..          :
        wait 2     +1h00m   50ms         : ==         :
        attempt 2  +1h00m  500ms         :  ########  :                retried    w1
          `- timeout
        retry      +1h00m  2h00m         :         ...:..
        wait 3     +3h00m  100ms         :            : ==
        attempt 3  +3h00m  800ms         :            :  ############  completed  w1
        complete   +3h00m                :            :             |

        : left out: 1h00m, 2h00m in which nothing ran
        w1 web-1-4711-07b7e2f8
        """
}
