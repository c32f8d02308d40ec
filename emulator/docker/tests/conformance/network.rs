//! Networks, addresses and health on the real engine.

use std::net::SocketAddr;
use std::time::Duration;

use engine::{Engine, EngineEvent};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use model::{ContainerHealthCheck, HealthStatus, RunState};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::lab::{Lab, PATIENCE};

/// The status line of `GET path`; the server may need a moment to listen, during which the connection is refused or reset.
async fn get(address: SocketAddr, path: &str) -> String {
    let asking = async {
        loop {
            if let Ok(answer) = ask(address, path).await {
                return answer;
            }
            // Asked again, not waited for: the limit is the patience around it.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{address} does not answer"))
}

async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    let mut reader = BufReader::new(stream);
    reader.read_line(&mut answer).await?;
    reader.read_to_string(&mut answer).await?;
    if answer.is_empty() { Err(std::io::ErrorKind::ConnectionReset.into()) } else { Ok(answer) }
}

#[tokio::test]
async fn a_container_is_dialled_at_its_address_and_at_its_port_and_by_nobody_else() {
    Lab::work(async |lab| {
        let users = lab.docker.create(&lab.container("users", &[]).await).await.unwrap();
        let posts = lab.docker.create(&lab.container("posts", &[]).await).await.unwrap();
        let (users, posts) = (lab.docker.start(&users).await.unwrap(), lab.docker.start(&posts).await.unwrap());
        let published = SocketAddr::new(users.network_bindings[0].bind_ip, users.network_bindings[0].host_port);
        assert!(get(published, "/").await.starts_with("HTTP/1.1 200"), "through the published port");
        let address = SocketAddr::new(users.address.unwrap(), 8080);
        if users.direct {
            assert!(get(address, "/").await.starts_with("HTTP/1.1 200"), "at the bridge's address");
        }
        let from = SocketAddr::new(posts.network_bindings[0].bind_ip, posts.network_bindings[0].host_port);
        for to in [address.to_string(), format!("{}:{}", users.address.unwrap(), published.port()), "app:8080".to_owned()] {
            let answer = get(from, &format!("/dial?to={to}&ms=500")).await;
            let own = to.starts_with("app");
            assert_eq!(answer.starts_with("HTTP/1.1 200"), own, "posts dials {to}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn containers_created_at_once_share_one_network() {
    Lab::work(async |lab| {
        let mut specs = Vec::new();
        for _ in 0..4 {
            specs.push(lab.container("users", &[]).await);
        }
        let ids = try_join_all(specs.iter().map(|spec| lab.docker.create(spec))).await.unwrap();
        let started = try_join_all(ids.iter().map(|id| lab.docker.start(id))).await.unwrap();
        let networks: std::collections::BTreeSet<_> = started
            .iter()
            .map(|container| match container.address.unwrap() {
                std::net::IpAddr::V4(address) => address.octets()[..3].to_vec(),
                std::net::IpAddr::V6(address) => panic!("{address}"),
            })
            .collect();
        assert_eq!(networks.len(), 1);
        assert_eq!(lab.docker.networks(&lab.owner).await.unwrap(), [specs[0].network.service.clone()]);
    })
    .await;
}

#[tokio::test]
async fn a_container_s_own_check_becomes_its_health() {
    Lab::work(async |lab| {
        let mut spec = lab.container("users", &[]).await;
        let command = ["CMD", "/test-service", "--check", "/"].map(str::to_owned).to_vec();
        spec.definition.health_check = Some(ContainerHealthCheck { command, interval: 1, timeout: 2, retries: 1, start_period: 0 });
        let mut events = lab.docker.watch(&lab.owner).await.unwrap();
        let id = lab.docker.create(&spec).await.unwrap();
        lab.docker.start(&id).await.unwrap();
        let healthy = async {
            while let Some(event) = events.next().await {
                assert_eq!(event.unwrap(), EngineEvent::Changed(id.clone()));
                let seen = lab.docker.inspect(&id).await.unwrap().unwrap();
                if seen.health == HealthStatus::Healthy {
                    assert_eq!(lab.docker.list(&lab.owner).await.unwrap(), [seen], "list beside inspect");
                    return;
                }
            }
            panic!("the events ended");
        };
        timeout(PATIENCE, healthy).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_container_that_eats_too_much_is_known_as_such() {
    Lab::work(async |lab| {
        let mut spec = lab.container("users", &[]).await;
        spec.definition.memory = Some(16);
        let mut events = lab.docker.watch(&lab.owner).await.unwrap();
        let id = lab.docker.create(&spec).await.unwrap();
        let started = lab.docker.start(&id).await.unwrap();
        let port = SocketAddr::new(started.network_bindings[0].bind_ip, started.network_bindings[0].host_port);
        assert!(get(port, "/").await.starts_with("HTTP/1.1 200"));
        // The answer never comes: the kernel is faster.
        drop(ask(port, "/eat-memory?mb=64").await);
        let died = async {
            while let Some(event) = events.next().await {
                if event.unwrap() == (EngineEvent::Died { id: id.clone(), code: 137, out_of_memory: true }) {
                    return;
                }
            }
            panic!("the events ended");
        };
        timeout(PATIENCE, died).await.unwrap();
        let RunState::Exited { code, out_of_memory, at } = lab.docker.inspect(&id).await.unwrap().unwrap().state else { panic!("it still runs") };
        assert_eq!((code, out_of_memory, at.is_some()), (137, true, true));
    })
    .await;
}

#[tokio::test]
async fn the_name_of_another_service_is_this_machine_s_address_on_its_network() {
    Lab::work(async |lab| {
        let posts = lab.container("posts", &[]).await;
        let mut users = lab.container("users", &["--resolve", "posts"]).await;
        users.connections = vec![engine::Connection { name: "posts".into(), network: posts.network.clone() }];
        let id = lab.docker.create(&users).await.unwrap();
        let bridges = lab.docker.bridges(&lab.owner).await.unwrap();
        let services: Vec<_> = bridges.iter().map(|bridge| bridge.service.clone()).collect();
        assert_eq!(services, [posts.network.service.clone(), users.network.service.clone()], "both networks are made");
        for bridge in &bridges {
            assert!(std::path::Path::new("/sys/class/net").join(&bridge.interface).exists(), "{bridge:?}");
        }
        lab.docker.start(&id).await.unwrap();
        let said = timeout(PATIENCE, async {
            let mut lines = lab.docker.logs(&id, engine::LogOptions { follow: true, ..engine::LogOptions::default() }).await.unwrap();
            lines.next().await.unwrap().unwrap().text
        });
        assert_eq!(said.await.unwrap(), format!("posts is {}", bridges[0].gateway));
    })
    .await;
}

#[tokio::test]
async fn a_doorway_leads_from_a_service_s_network_to_the_agent_s_address() {
    Lab::work(async |lab| {
        let spec = lab.container("users", &[]).await;
        assert_eq!(lab.docker.doorways(&lab.owner, false).await.unwrap(), Some(Vec::new()));
        let id = lab.docker.create(&spec).await.unwrap();
        let doorways = lab.docker.doorways(&lab.owner, false).await.unwrap().unwrap();
        assert_eq!(doorways.iter().map(|doorway| &doorway.service).collect::<Vec<_>>(), [&spec.network.service]);
        assert_eq!(lab.docker.doorways(&lab.owner, false).await.unwrap().as_ref(), Some(&doorways), "asked again");
        // Somebody has a network, so the address stays, and this machine has it.
        lab.docker.close_doorways().await.unwrap();
        std::net::UdpSocket::bind("169.254.170.2:0").unwrap();
        assert_eq!(lab.docker.statistics(&id).await.unwrap(), None, "it does not run");
        lab.docker.start(&id).await.unwrap();
        let statistics = lab.docker.statistics(&id).await.unwrap().unwrap();
        assert!(statistics.contains("\"memory_stats\"") && statistics.contains("\"precpu_stats\""), "{statistics}");
    })
    .await;
}

#[tokio::test]
async fn an_image_s_own_variables_win_over_defaults() {
    Lab::work(async |lab| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Dockerfile"), format!("FROM {}\nENV AWS_REGION=image\n", test_support::test_image())).unwrap();
        let image_id = lab.docker.build(&lab.build(folder.path()), engine::Progress::none()).await.unwrap();
        let group = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "default".to_owned())).collect();
        let mut spec = lab.container("users", &[]).await;
        spec.image_id = image_id;
        spec.image_defaults = vec![group(&["AWS_REGION", "AWS_DEFAULT_REGION"]), group(&["AWS_ENDPOINT_URL"])];
        let id = lab.docker.create(&spec).await.unwrap();
        let started = lab.docker.start(&id).await.unwrap();
        let port = SocketAddr::new(started.network_bindings[0].bind_ip, started.network_bindings[0].host_port);
        for (name, expected) in [("AWS_REGION", "image"), ("AWS_DEFAULT_REGION", "not set"), ("AWS_ENDPOINT_URL", "default")] {
            let answer = get(port, &format!("/env?name={name}")).await;
            assert!(answer.contains(expected), "{name}: {answer}");
        }
    })
    .await;
}
