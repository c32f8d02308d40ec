//! Whatever clients send, well-formed or hostile: a target sees the same requests in the same order, or the client is refused (alb.md 6.6).

use std::sync::{Arc, Mutex};

use model::Ids;

use crate::support::{Client, Front, origin};

/// A request, what its target must see of it, and whether it may only be refused.
struct Made {
    bytes: Vec<u8>,
    body: Vec<u8>,
    hostile: bool,
}

struct Maker(Ids);

/// The first line and the body of a request that came to a target.
type Seen = (String, Vec<u8>);

impl Maker {
    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn letters(&mut self, most: u64) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| b"abcxyz\r\n0 :GET/HTP"[usize::try_from(self.0.next_u64() % 18).unwrap()]).collect()
    }

    /// A body that looks like a request as often as not, in one of the ways to send it.
    fn request(&mut self, number: usize) -> Made {
        let body = if self.below(3) == 0 { b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n".to_vec() } else { self.letters(60) };
        let mut bytes = format!("POST /t/{number} HTTP/1.1\r\nHost: a.b\r\n").into_bytes();
        let hostile = self.below(6) == 0;
        let length = body.len();
        if hostile {
            let line = match self.below(7) {
                0 => format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1),
                1 => format!("Content-Length: {length},{length}\r\n"),
                2 => "Transfer-Encoding: xchunked\r\n".into(),
                3 => "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".into(),
                4 => "Content-Length: 18446744073709551616\r\n".into(),
                5 => "Transfer-Encoding: chunked, gzip\r\n".into(),
                _ => "Content-Length: +1\r\n".into(),
            };
            bytes.extend(line.bytes());
            bytes.extend(b"\r\n");
            bytes.extend(&body);
        } else if self.below(2) == 0 {
            bytes.extend(format!("Content-Length: {length}\r\n\r\n").bytes());
            bytes.extend(&body);
        } else {
            bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            let mut rest = &body[..];
            while !rest.is_empty() {
                let size = usize::try_from(self.below(rest.len() as u64) + 1).unwrap();
                let extension = if self.below(4) == 0 { ";a=b" } else { "" };
                bytes.extend(format!("{size:x}{extension}\r\n").bytes());
                bytes.extend(&rest[..size]);
                bytes.extend(b"\r\n");
                rest = &rest[size..];
            }
            bytes.extend(b"0\r\n\r\n");
        }
        Made { bytes, body, hostile }
    }
}

#[tokio::test]
async fn requests_arrive_as_they_were_sent_or_not_at_all() {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let record = Arc::clone(&seen);
    let target = origin(move |mut connection, _| {
        let record = Arc::clone(&record);
        async move {
            while let Some(message) = connection.try_message().await {
                let path = message.start_line().to_owned();
                record.lock().unwrap().push((path.clone(), message.body));
                connection.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len())).await;
            }
        }
    })
    .await;
    let front = Front::start(&[("t", &[target])]);
    let mut maker = Maker(Ids::seeded(7));
    for round in 0..60 {
        seen.lock().unwrap().clear();
        let mut made: Vec<Made> = (0..5).map(|number| maker.request(number)).collect();
        // Behind a request that is refused nothing is read.
        let refused = made.iter().position(|request| request.hostile);
        made.truncate(refused.map_or(made.len(), |at| at + 1));
        let mut client: Client = front.client().await;
        let bytes: Vec<u8> = made.iter().flat_map(|request| request.bytes.clone()).collect();
        tokio::io::AsyncWriteExt::write_all(&mut client.stream, &bytes).await.unwrap();
        for (number, request) in made.iter().enumerate() {
            let Some(answer) = client.try_message().await else { panic!("round {round}: request {number} got no answer") };
            if request.hostile {
                assert!(matches!(answer.status(), 400 | 501), "round {round}: {}", String::from_utf8_lossy(&request.bytes));
                assert!(client.rest().await.is_empty(), "the connection ends with a refusal");
            } else {
                assert_eq!(answer.text(), format!("POST /t/{number} HTTP/1.1"), "round {round}");
            }
        }
        let expected: Vec<_> = made
            .into_iter()
            .filter(|request| !request.hostile)
            .enumerate()
            .map(|(number, request)| (format!("POST /t/{number} HTTP/1.1"), request.body))
            .collect();
        assert_eq!(*seen.lock().unwrap(), expected, "round {round}");
    }
}
