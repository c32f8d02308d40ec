// Starts each sample service as a process of its own and asks it. Run: node --test services/test.js
'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const { createInterface } = require('node:readline');
const { test } = require('node:test');

const root = path.join(__dirname, '..');
const lists = {
  users: { '/api/users': 4, '/api/users/3': 'Anjali Rao' },
  threads: { '/api/threads': 3, '/api/threads/2': 'A bread recipe that forgives mistakes' },
  posts: { '/api/posts': 7, '/api/posts/in-thread/2': 3, '/api/posts/by-user/4': 2, '/api/posts/in-thread/99': 0 },
};
const missing = { users: '/api/users/99', threads: '/api/threads/99', posts: '/api/posts/1' };

const services = [
  { name: 'users', folder: 'services/users', has: ['users'] },
  { name: 'threads', folder: 'services/threads', has: ['threads'] },
  { name: 'posts', folder: 'services/posts', has: ['posts'] },
  { name: 'api', folder: 'examples/monolith', has: ['users', 'threads', 'posts'] },
];

for (const { name, folder, has } of services) {
  test(name, async () => {
    const child = spawn(process.execPath, ['server.js'], { cwd: path.join(root, folder), env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] });
    const agent = new http.Agent({ keepAlive: true });
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const port = Number(/listens on port (\d+)$/.exec((await lines.next()).value)[1]);
      const ask = (target, method = 'GET') =>
        new Promise((resolve, reject) => {
          const request = http.request({ host: '127.0.0.1', port, path: target, method, agent }, async (response) => {
            let text = '';
            for await (const part of response.setEncoding('utf8')) text += part;
            assert.match(response.headers['x-served-by'], new RegExp(`^${name}/.`));
            assert.equal(response.headers['content-type'], 'application/json');
            if (method === 'GET') assert.equal(Number(response.headers['content-length']), Buffer.byteLength(text));
            resolve({ status: response.statusCode, headers: response.headers, body: text && JSON.parse(text) });
          });
          request.on('error', reject).end();
        });

      for (const health of ['/', '/api', '/api/', '/api/?deep=1']) {
        assert.deepEqual((await ask(health)).body, { service: name, status: 'ok' });
      }
      assert.match((await lines.next()).value, /^GET \/ 200 \d+\.\d ms$/);
      for (const list of has) {
        for (const [target, expected] of Object.entries(lists[list])) {
          const { status, body } = await ask(target);
          assert.equal(status, 200, target);
          assert.equal(Array.isArray(body) ? body.length : (body.name ?? body.title), expected, target);
        }
        assert.equal((await ask(missing[list])).status, 404);
      }
      for (const other of Object.keys(lists).filter((list) => !has.includes(list))) {
        assert.equal((await ask(`/api/${other}`)).status, 404);
      }
      assert.deepEqual((await ask('/nothing')).body, { error: 'nothing at /nothing' });
      assert.equal((await ask('/', 'HEAD')).status, 200);
      const refused = await ask('/', 'DELETE');
      assert.deepEqual([refused.status, refused.headers.allow], [405, 'GET, HEAD']);

      // An idle connection is open (the agent keeps it), and still the stop is prompt and clean.
      child.kill('SIGTERM');
      assert.deepEqual(await once(child, 'exit'), [0, null]);
    } finally {
      agent.destroy();
      child.kill('SIGKILL');
    }
  });
}
