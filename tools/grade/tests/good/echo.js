// node: pipe reads no further than the client takes, and ends with it. Passes tcp-echo.
const net = require("node:net");

const server = net.createServer({ allowHalfOpen: true }, (connection) => {
  connection.on("error", (error) => console.log(error.code));
  connection.pipe(connection);
});
server.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(Number(process.env.PORT), process.env.HOST);
