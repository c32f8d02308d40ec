//! Distinguished names as RFC 2253 writes them, in OpenSSL's dialect: the last part first, short names, everything that is not plain
//! ASCII escaped. So they fit into a header line.

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Encode, Tag, Tagged};
use x509_cert::name::Name;

/// OpenSSL's short names.
const SHORT: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The name on one line.
pub(crate) fn rfc2253(name: &Name) -> String {
    let parts: Vec<_> = name.iter_rdn().map(|part| part.iter().map(attribute).collect::<Vec<_>>().join("+")).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

fn attribute(attribute: &AttributeTypeAndValue) -> String {
    let known = |oid: &ObjectIdentifier| SHORT.iter().find(|(number, _)| ObjectIdentifier::new_unwrap(number) == *oid).map(|(_, name)| *name);
    match (known(&attribute.oid), text(attribute)) {
        (Some(name), Some(value)) => format!("{name}={}", escape(&value)),
        _ => {
            let der = attribute.value.to_der().unwrap_or_default();
            let hex: String = der.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("{}=#{hex}", attribute.oid)
        }
    }
}

fn text(attribute: &AttributeTypeAndValue) -> Option<String> {
    let bytes = attribute.value.value();
    match attribute.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => String::from_utf8(bytes.to_vec()).ok(),
        // In practice Latin-1.
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => String::from_utf16(&bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>()).ok(),
        _ => None,
    }
}

fn escape(value: &str) -> String {
    let last = value.len().wrapping_sub(1);
    let mut escaped = String::new();
    for (index, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => escaped.extend(['\\', char::from(byte)]),
            b'#' if index == 0 => escaped.push_str("\\#"),
            b' ' if index == 0 || index == last => escaped.push_str("\\ "),
            b' '..=b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("\\{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::parse;

    fn subject(parts: &[(rcgen::DnType, &str)]) -> String {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in parts {
            parameters.distinguished_name.push(kind.clone(), *value);
        }
        let certificate = parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        rfc2253(parse(certificate.der()).unwrap().tbs_certificate().subject())
    }

    #[test]
    fn names_are_written_as_openssl_does() {
        use rcgen::DnType::{CommonName, CountryName, CustomDnType, LocalityName, OrganizationName, StateOrProvinceName};
        let all = [
            (CountryName, "US"),
            (StateOrProvinceName, "Washington"),
            (LocalityName, "Seattle"),
            (OrganizationName, "endEntity"),
            (CommonName, "amazondomains.com"),
        ];
        assert_eq!(subject(&all), "CN=amazondomains.com,O=endEntity,L=Seattle,ST=Washington,C=US", "AWS's example");
        let check = |value: &str, expected: &str| assert_eq!(subject(&[(CommonName, value)]), format!("CN={expected}"));
        check("a, b+c \"d\" <e>;\\", "a\\, b\\+c \\\"d\\\" \\<e\\>\\;\\\\");
        check("#1 #2", "\\#1 #2");
        check(" x ", "\\ x\\ ");
        check("Zo\u{eb}\n", "Zo\\C3\\AB\\0A");
        check("", "");
        assert_eq!(subject(&[]), "");
        assert_eq!(subject(&[(CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]), "a@b.test")]), "emailAddress=a@b.test");
        assert_eq!(subject(&[(CustomDnType(vec![1, 3, 6, 1, 4, 1, 99999, 1]), "x")]), "1.3.6.1.4.1.99999.1=#0C0178");
    }
}
