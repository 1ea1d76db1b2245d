/**
 * The whole configuration of an nginx in the foreground, whose files are all in one folder.
 * @param {{ port: number, expressPort: number, honoPort: number, pages: string }} site
 */
export function nginxConfig({ port, expressPort, honoPort, pages }) {
  return `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
  types { text/html html; text/javascript js; }
  client_body_temp_path client_body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;

  # Round robin. What one cannot be asked, the other is: proxy_next_upstream is "error timeout" by default.
  # max_fails=0, since a process that is gone refuses at once, and one that is back should be asked at once.
  upstream machines {
    server 127.0.0.1:${expressPort} max_fails=0;
    server 127.0.0.1:${honoPort} max_fails=0;
  }

  server {
    listen 127.0.0.1:${port};
    root "${pages}";
    location /scores { proxy_pass http://machines; }
    # For the buttons of the page, each of which means one of the two.
    location /express/ { proxy_pass http://127.0.0.1:${expressPort}/; }
    location /hono/ { proxy_pass http://127.0.0.1:${honoPort}/; }
  }
}
`
}
