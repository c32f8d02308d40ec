// A sidecar: it takes requests on 8080 and hands them to its neighbour in the task on 127.0.0.1:3000.
'use strict';

const http = require('node:http');

const agent = new http.Agent({ keepAlive: true });

const server = http.createServer((request, response) => {
  const { method, url, headers } = request;
  const upstream = http.request({ agent, host: '127.0.0.1', port: 3000, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode, { ...answer.headers, 'X-Proxied-By': 'proxy' });
    answer.pipe(response);
  });
  upstream.on('error', (error) => {
    response.statusCode = 502;
    response.end(`${error.message}\n`);
  });
  request.pipe(upstream);
});

// A little longer than the load balancer keeps idle connections open.
server.keepAliveTimeout = 65_000;

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

server.listen(8080, () => console.log('proxy listens on port 8080'));
