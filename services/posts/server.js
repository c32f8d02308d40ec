// posts: what was written, by thread and by author.
// Node.js alone, no packages: `node server.js` runs it anywhere.
'use strict';

const http = require('node:http');
const os = require('node:os');
const { posts } = require('./db.json');

const name = 'posts';
// Inside a container the host name is the container's id, so each task names itself.
const servedBy = `${name}/${os.hostname()}`;

// Each route: a pattern for the path, and what to answer. `undefined` means that there is no such thing: 404.
const routes = [
  [/^\/(?:api\/?)?$/, () => ({ service: name, status: 'ok' })],
  [/^\/api\/posts$/, () => posts],
  [/^\/api\/posts\/in-thread\/(\d+)$/, (id) => posts.filter((post) => post.thread === id)],
  [/^\/api\/posts\/by-user\/(\d+)$/, (id) => posts.filter((post) => post.user === id)],
];

const server = http.createServer((request, response) => {
  const started = performance.now();
  response.on('finish', () => {
    const ms = (performance.now() - started).toFixed(1);
    console.log(`${request.method} ${request.url} ${response.statusCode} ${ms} ms`);
  });

  const path = request.url.split('?')[0];
  const [status, body] = answer(request.method, path);
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('X-Served-By', servedBy);
  if (status === 405) response.setHeader('Allow', 'GET, HEAD');
  if (!server.listening) response.setHeader('Connection', 'close'); // stopping: the client shall not come back here
  response.statusCode = status;
  response.end(JSON.stringify(body) + '\n');
});

function answer(method, path) {
  if (method !== 'GET' && method !== 'HEAD') return [405, { error: `${method} is not allowed here` }];
  for (const [pattern, find] of routes) {
    const match = pattern.exec(path);
    const body = match && find(...match.slice(1).map(Number));
    if (body) return [200, body];
  }
  return [404, { error: `nothing at ${path}` }];
}

// The load balancer keeps idle connections to us open for 60 seconds and uses them again. If we closed them first,
// a request could meet a closing door and the client would see a 502. So we wait a little longer than it does.
server.keepAliveTimeout = 65_000;

// ECS stops a task with SIGTERM and kills it `stopTimeout` later (30 seconds unless set): finish the work at hand and go.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

server.listen(process.env.PORT ?? 3000, () => console.log(`${servedBy} listens on port ${server.address().port}`));
