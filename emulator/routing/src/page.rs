//! The pages that the load balancer answers with when no target does, byte for byte (alb.md 6.9).

/// `Server` of everything that the load balancer makes itself.
pub const SERVER: &str = "awselb/2.0";
/// `Content-Type` of the pages.
pub const CONTENT_TYPE: &str = "text/html";

/// A generated answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its status.
    pub status: u16,
    /// The reason phrase of the status line; empty where AWS's is not known.
    pub reason: &'static str,
    /// Empty for the codes that have no page.
    plain: &'static str,
    /// The same with the padding that keeps Chrome and MSIE from showing a page of their own.
    padded: &'static str,
}

impl Page {
    /// The body, padded for a client that [`replaces_pages`]; empty for the codes that have no page (their `Content-Length` is 0).
    #[must_use]
    pub const fn body(&self, padded: bool) -> &'static str {
        if padded { self.padded } else { self.plain }
    }

    /// Whether the answer has a body, and with it a `Content-Type`.
    #[must_use]
    pub const fn has_body(&self) -> bool {
        !self.plain.is_empty()
    }

    /// Writes the whole HTTP/1.1 response, for a connection whose request could not be read well enough to answer it any other way.
    pub fn write(&self, out: &mut Vec<u8>, delivery: &Delivery<'_>) {
        let body = self.body(delivery.user_agent.is_some_and(replaces_pages));
        let connection = if delivery.close { "close" } else { "keep-alive" };
        let content_type = if self.has_body() { "Content-Type: text/html\r\n" } else { "" };
        let Delivery { date, location, head_only, .. } = delivery;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {} {}\r\nServer: {SERVER}\r\nDate: {date}\r\n{content_type}Content-Length: {length}\r\nConnection: {connection}\r\n",
            self.status, self.reason
        );
        out.extend_from_slice(head.as_bytes());
        if let Some(location) = location {
            for part in ["Location: ", location, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
        if !head_only {
            out.extend_from_slice(body.as_bytes());
        }
    }
}

/// How a generated answer is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delivery<'a> {
    /// The value of `Date`.
    pub date: &'a str,
    /// The client's `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// The value of `Location`, for redirects.
    pub location: Option<&'a str>,
    /// Whether the connection ends with it.
    pub close: bool,
    /// Whether the request was HEAD: the length is said, the body is not sent.
    pub head_only: bool,
}

/// Whether a client of this `User-Agent` shows a page of its own in place of a short one.
#[must_use]
pub fn replaces_pages(user_agent: &[u8]) -> bool {
    [&b"Chrome"[..], b"MSIE"].iter().any(|part| user_agent.windows(part.len()).any(|window| window == *part))
}

macro_rules! document {
    ($title:expr, $heading:expr) => {
        document!($title, $heading, "")
    };
    ($title:expr, $heading:expr, $more:expr) => {
        concat!(
            "<html>\r\n<head><title>",
            $title,
            "</title></head>\r\n<body>\r\n<center><h1>",
            $heading,
            "</h1></center>\r\n",
            $more,
            "</body>\r\n</html>\r\n"
        )
    };
}

macro_rules! padding {
    () => {
        concat!(padding!(line), padding!(line), padding!(line), padding!(line), padding!(line), padding!(line))
    };
    (line) => {
        "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n"
    };
}

macro_rules! pages {
    ($($status:literal $title:literal, $reason:expr, $kind:ident;)*) => {
        /// The answer that is generated for a status; `None` for statuses that the load balancer never makes.
        #[must_use]
        pub const fn page(status: u16) -> Option<Page> {
            let page = match status {
                $($status => pages!(@$kind $status $title, $reason),)*
                460 | 463 | 464 | 561 | 562 => Page { status, reason: "", plain: "", padded: "" },
                _ => return None,
            };
            Some(page)
        }

        #[cfg(test)]
        const WITH_PAGE: &[u16] = &[$($status),*];
    };
    (@redirect $status:literal $title:literal, $reason:expr) => {{
        let body = document!(concat!($status, " ", $title), concat!($status, " ", $title));
        Page { status: $status, reason: $reason, plain: body, padded: body }
    }};
    (@error $status:literal $title:literal, $reason:expr) => {
        Page {
            status: $status,
            reason: $reason,
            plain: document!(concat!($status, " ", $title), concat!($status, " ", $title)),
            padded: concat!(document!(concat!($status, " ", $title), concat!($status, " ", $title)), padding!()),
        }
    };
}

pages! {
    301 "Moved Permanently", "Moved Permanently", redirect;
    302 "Found", "Found", redirect;
    400 "Bad Request", "Bad Request", error;
    401 "Authorization Required", "Unauthorized", error;
    403 "Forbidden", "Forbidden", error;
    405 "Not Allowed", "Not Allowed", error;
    408 "Request Time-out", "Request Time-out", error;
    413 "Request Entity Too Large", "Request Entity Too Large", error;
    414 "Request-URI Too Large", "Request-URI Too Large", error;
    500 "Internal Server Error", "Internal Server Error", error;
    501 "Not Implemented", "Not Implemented", error;
    502 "Bad Gateway", "Bad Gateway", error;
    503 "Service Temporarily Unavailable", "Service Temporarily Unavailable", error;
    504 "Gateway Time-out", "Gateway Time-out", error;
    505 "HTTP Version Not Supported", "HTTP Version Not Supported", error;
    507 "Insufficient Storage", "Insufficient Storage", error;
}

macro_rules! plain_http_on_tls_port {
    () => {
        document!(
            "400 The plain HTTP request was sent to HTTPS port",
            "400 Bad Request",
            "<center>The plain HTTP request was sent to HTTPS port</center>\r\n"
        )
    };
}
/// The answer to cleartext HTTP on a port that speaks TLS.
pub const PLAIN_HTTP_ON_TLS_PORT: Page =
    Page { status: 400, reason: "Bad Request", plain: plain_http_on_tls_port!(), padded: concat!(plain_http_on_tls_port!(), padding!()) };

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: Option<&[u8]> = Some(b"Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/126.0 Safari/537.36");
    const MSIE: Option<&[u8]> = Some(b"Mozilla/4.0 (compatible; MSIE 8.0)");
    const CURL: Option<&[u8]> = Some(b"curl/8.5.0");

    #[test]
    fn bodies_have_the_published_lengths() {
        let lengths = [
            (301, 134, 134),
            (302, 110, 110),
            (400, 122, 524),
            (401, 144, 546),
            (403, 118, 520),
            (405, 122, 524),
            (408, 132, 534),
            (413, 148, 550),
            (414, 142, 544),
            (500, 142, 544),
            (501, 130, 532),
            (502, 122, 524),
            (503, 162, 564),
            (504, 132, 534),
            (505, 152, 554),
            (507, 140, 542),
            (460, 0, 0),
            (463, 0, 0),
            (464, 0, 0),
            (561, 0, 0),
            (562, 0, 0),
        ];
        for (status, plain, padded) in lengths {
            let page = page(status).unwrap();
            assert_eq!((page.status, page.has_body()), (status, plain > 0));
            assert_eq!((page.body(false).len(), page.body(CURL.is_some_and(replaces_pages)).len()), (plain, plain), "{status}");
            assert_eq!(
                (page.body(CHROME.is_some_and(replaces_pages)).len(), page.body(MSIE.is_some_and(replaces_pages)).len()),
                (padded, padded),
                "{status}"
            );
        }
        assert!(WITH_PAGE.iter().all(|status| lengths.iter().any(|(listed, ..)| listed == status)), "a page without a test");
        assert_eq!(
            (
                PLAIN_HTTP_ON_TLS_PORT.body(CURL.is_some_and(replaces_pages)).len(),
                PLAIN_HTTP_ON_TLS_PORT.body(CHROME.is_some_and(replaces_pages)).len()
            ),
            (220, 622)
        );
        assert!([200, 204, 304, 404, 418, 599].into_iter().all(|status| page(status).is_none()));
    }

    fn whole(page: Page, delivery: Delivery<'_>) -> String {
        let mut out = Vec::new();
        page.write(&mut out, &Delivery { date: "Mon, 01 Jan 2024 00:00:00 GMT", ..delivery });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn whole_responses_have_the_observed_sizes() {
        let check = |page: Page, delivery: Delivery<'_>, size: usize| {
            assert_eq!(whole(page, delivery).len(), size, "{} {delivery:?}", page.status);
        };
        let (open, close) = (Delivery::default(), Delivery { close: true, ..Delivery::default() });
        let bad_gateway = page(502).unwrap();
        check(bad_gateway, open, 277);
        check(bad_gateway, close, 272);
        check(bad_gateway, Delivery { head_only: true, ..open }, 155);
        check(bad_gateway, Delivery { user_agent: CHROME, ..open }, 679);
        check(bad_gateway, Delivery { user_agent: CHROME, ..close }, 674);
        check(page(503).unwrap(), Delivery { user_agent: MSIE, ..open }, 739);
        check(page(400).unwrap(), close, 272);
        check(PLAIN_HTTP_ON_TLS_PORT, close, 370);
        check(PLAIN_HTTP_ON_TLS_PORT, Delivery { user_agent: CHROME, ..close }, 772);
    }

    #[test]
    fn responses_have_the_observed_text() {
        let page_of = |title: &str| {
            format!("<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n")
        };
        let location = Some("https://example.com:443/");
        assert_eq!(
            whole(page(301).unwrap(), Delivery { location, user_agent: CHROME, ..Delivery::default() }),
            "HTTP/1.1 301 Moved Permanently\r\nServer: awselb/2.0\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/html\r\n\
             Content-Length: 134\r\nConnection: keep-alive\r\nLocation: https://example.com:443/\r\n\r\n"
                .to_owned()
                + &page_of("301 Moved Permanently")
        );
        assert_eq!(
            whole(page(464).unwrap(), Delivery::default()),
            "HTTP/1.1 464 \r\nServer: awselb/2.0\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"
        );
        let padded = page(401).unwrap();
        assert_eq!(padded.reason, "Unauthorized");
        let line = "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n";
        assert_eq!(padded.body(CHROME.is_some_and(replaces_pages)), page_of("401 Authorization Required") + &line.repeat(6));
    }
}
