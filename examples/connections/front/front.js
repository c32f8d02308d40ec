// front: one page from two services that it reaches by their names.
// Node.js alone, no packages.
'use strict';

const http = require('node:http');

const server = http.createServer(async (request, response) => {
  const match = /^\/pages\/(\d+)$/.exec(request.url);
  response.setHeader('Content-Type', 'application/json');
  try {
    if (request.url === '/') return response.end('{"status":"ok"}\n');
    if (!match) return response.writeHead(404).end(`{"error":"nothing at ${request.url}"}\n`);
    const user = await ask(`http://users:3000/api/users/${match[1]}`); // connectsTo
    const posts = await ask(`http://posts.tutorial:3000/api/posts/by-user/${match[1]}`); // Service Connect
    response.end(JSON.stringify({ user: user.body.name, posts: posts.body.length, servedBy: [user.servedBy, posts.servedBy] }) + '\n');
  } catch (error) {
    response.writeHead(502).end(JSON.stringify({ error: String(error.cause ?? error) }) + '\n');
  }
});

async function ask(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  return { body: await answer.json(), servedBy: answer.headers.get('x-served-by') };
}

server.keepAliveTimeout = 65_000;
server.listen(3000, () => console.log('front listens on 3000'));

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
