//! AWS's Query protocol, which STS and Elastic Load Balancing speak: a form with `Action` and `Version`, XML for an answer. A list is
//! `Name.member.1`, `Name.member.2` …

mod xml;

use std::collections::BTreeMap;

pub use xml::Xml;

/// The type of answers.
pub const CONTENT_TYPE: &str = "text/xml";

/// The type of forms.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    parameters: BTreeMap<String, String>,
}

impl Form {
    /// Reads a body, or a query. Of a parameter that is there twice the last one counts.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        Self { parameters: form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect() }
    }

    /// What is asked.
    #[must_use]
    pub fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// The version of the API, which tells the service.
    #[must_use]
    pub fn version(&self) -> &str {
        self.get("Version").unwrap_or_default()
    }

    /// A parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

/// An answer: `<Action>Response` with `<Action>Result` and the request's id.
#[must_use]
pub fn answer(namespace: &str, action: &str, result: &Xml, request_id: &str) -> String {
    let metadata = Xml::new("ResponseMetadata").with(Xml::text("RequestId", request_id));
    let response = Xml::new(&format!("{action}Response")).with(result.clone().named(&format!("{action}Result"))).with(metadata);
    response.document(Some(namespace))
}

/// An error, which is the sender's for a status below 500.
#[must_use]
pub fn error(namespace: &str, (status, code, message): (u16, &str, &str), request_id: &str) -> String {
    let whose = if status < 500 { "Sender" } else { "Receiver" };
    let error = Xml::new("Error").with(Xml::text("Type", whose)).with(Xml::text("Code", code)).with(Xml::text("Message", message));
    Xml::new("ErrorResponse").with(error).with(Xml::text("RequestId", request_id)).document(Some(namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_answers_written() {
        let form = Form::read(b"Action=GetCallerIdentity&Version=2011-06-15&x=a+b%26");
        assert_eq!((form.action(), form.version(), form.get("x"), form.get("y")), ("GetCallerIdentity", "2011-06-15", Some("a b&"), None));
        let text = answer("urn:x", "Get", &Xml::new("").with(Xml::text("Arn", "a<b&c")), "r1");
        assert_eq!(
            text,
            "<GetResponse xmlns=\"urn:x\"><GetResult><Arn>a&lt;b&amp;c</Arn></GetResult><ResponseMetadata><RequestId>r1</RequestId></ResponseMetadata></GetResponse>"
        );
        let text = error("urn:x", (403, "AccessDenied", "no"), "r2");
        assert!(text.contains("<Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error><RequestId>r2</RequestId>"), "{text}");
    }
}
