// SPDX-License-Identifier: Apache-2.0
// As many processes as were fastest on two cores beside PostgreSQL; WORKERS says otherwise.
"use strict";
const cluster = require("node:cluster");

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.env.WORKERS || 2); i++) cluster.fork();
  process.on("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.kill("SIGTERM");
  });
} else {
  require("./server").start();
}
