//! Several load balancers on one port, and redirects, with no container at all.

use crate::http::Client;
use crate::lab::Lab;

const TWO: &str = r#"
cluster: ${CLUSTER}
loadBalancers:
  - name: a-${CLUSTER}
    listeners:
      - port: ${PORT}
        protocol: HTTP
        defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: 200, contentType: text/plain, messageBody: first } }]
        rules:
          - priority: 5
            conditions: [{ field: host-header, values: ["old.example.com"] }]
            actions: [{ type: redirect, redirectConfig: { Host: new.example.com, Path: "/moved/#{path}", StatusCode: HTTP_301 } }]
  - name: b-${CLUSTER}
    listeners:
      - port: ${PORT}
        protocol: HTTP
        defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: 200, contentType: text/plain, messageBody: second } }]
"#;

#[test]
fn load_balancers_share_a_port_by_name() {
    let lab = Lab::new("share");
    lab.write("cluster.yaml", TWO);
    let said = lab.must(&["up", "-d"]);
    let (port, cluster) = (lab.port, &lab.cluster);
    assert!(said.out.contains(&format!("http://localhost:{port}")) && said.out.contains(&format!("http://b-{cluster}.localhost:{port}")), "{said:?}");
    let mut client = Client::new(port);
    for (host, body) in [("localhost", "first"), ("anything.example.com", "first"), (&format!("B-{cluster}.localhost:{port}"), "second")] {
        assert_eq!(client.get_from(host, "/").unwrap().body, body, "{host}");
    }
    let redirect = client.get_from("old.example.com", "/a/b?c=d").unwrap();
    assert_eq!((redirect.status, redirect.header("location").unwrap()), (301, format!("http://new.example.com:{port}/moved/a/b?c=d").as_str()));

    // An edit is live: the same connection sees it.
    lab.write("cluster.yaml", &TWO.replace("messageBody: first", "messageBody: third"));
    lab.must(&["up", "-d"]);
    assert_eq!(client.get("/").unwrap().body, "third");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
