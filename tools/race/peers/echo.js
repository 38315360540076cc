// An echo server on node's net module. Usage: node echo.js PORT
const net = require('node:net');

const server = net.createServer({ noDelay: false }, (client) => {
  client.on('error', () => client.destroy());
  // pipe stops reading while the client does not read, and ends when the client ends.
  client.pipe(client);
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
