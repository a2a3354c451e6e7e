//! Whom we believe to be PowerMTA when it speaks TLS: a pinned certificate, the certificates of
//! a file, the system's authorities, or anybody. It opens no connection.

use crate::config::Pmta;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("pmta.pin_sha256 is no SHA-256: 64 hex digits, colons allowed")]
    Pin,
    #[error("pmta.ca_file {path} {why}")]
    Authorities { path: String, why: String },
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// The cheapest settings there are: for http, where reqwest wants some but uses none.
pub fn none() -> Result<ClientConfig, TlsError> {
    Ok(builder(Arc::new(ring::default_provider()))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// The settings that the operator chose: `insecure`, else `pin_sha256`, else `ca_file`, else
/// the system's store, which is loaded only then.
pub fn settings(pmta: &Pmta) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let trust = Trust { anybody: pmta.insecure, ..Trust::new(pmta, &provider)? };
    let verifier = Arc::new(Verifier { trust, provider: Arc::clone(&provider) });
    Ok(builder(provider)?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn builder(provider: Arc<CryptoProvider>) -> Result<Builder, TlsError> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| TlsError::Setup(why.to_string()))
}

#[derive(Debug, Default)]
struct Trust {
    anybody: bool,
    /// SHA-256 of the certificate itself (DER), as `openssl x509 -fingerprint -sha256` prints it.
    pin: Option<[u8; 32]>,
    /// Certificates of `ca_file`: one of them may be PowerMTA's own self-signed one.
    exact: Vec<CertificateDer<'static>>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl Trust {
    fn new(pmta: &Pmta, provider: &Arc<CryptoProvider>) -> Result<Trust, TlsError> {
        if pmta.insecure {
            return Ok(Trust::default());
        }
        if let Some(pin) = &pmta.pin_sha256 {
            return Ok(Trust { pin: Some(parse_pin(pin)?), ..Trust::default() });
        }
        let exact = match &pmta.ca_file {
            Some(path) => read_certificates(path)?,
            None => Vec::new(),
        };
        let mut roots = RootCertStore::empty();
        if pmta.ca_file.is_some() {
            roots.add_parsable_certificates(exact.iter().cloned());
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let authorities = match roots.is_empty() {
            true => None,
            false => Some(
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                    .build()
                    .map_err(|why| TlsError::Setup(why.to_string()))?,
            ),
        };
        Ok(Trust { exact, authorities, ..Trust::default() })
    }
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let trust = &self.trust;
        let refused = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        if let Some(pin) = trust.pin {
            let matches = Sha256::digest(certificate).as_slice() == pin;
            return if matches { Ok(ServerCertVerified::assertion()) } else { Err(refused) };
        }
        // A self-signed certificate is no authority to webpki, but the file names it exactly.
        if trust.anybody || trust.exact.iter().any(|exact| exact == certificate) {
            return Ok(ServerCertVerified::assertion());
        }
        match &trust.authorities {
            Some(authorities) => authorities.verify_server_cert(certificate, chain, name, ocsp, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trust.anybody {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // `insecure` also accepts the short keys of old installations.
        if self.trust.anybody {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn parse_pin(text: &str) -> Result<[u8; 32], TlsError> {
    let text = text.trim();
    let text = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("SHA256:")).unwrap_or(text);
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !matches!(c, ':' | ' '))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(TlsError::Pin))
        .collect::<Result<_, _>>()?;
    let pairs: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect();
    pairs.and_then(|pairs| pairs.try_into().ok()).ok_or(TlsError::Pin)
}

fn read_certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let refused = |why: String| TlsError::Authorities { path: path.display().to_string(), why };
    let pem = std::fs::read(path).map_err(|why| refused(format!("cannot be read: {why}")))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    if found.is_empty() { Err(refused("holds no certificate in PEM form".to_owned())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_openssl_prints_it() {
        let plain = "00".repeat(31) + "ff";
        let colons = "00:".repeat(31) + "FF";
        let mut expected = [0; 32];
        expected[31] = 255;
        for text in [plain.as_str(), colons.as_str(), &format!("sha256:{plain}")] {
            assert_eq!(parse_pin(text).unwrap(), expected, "{text}");
        }
        for text in ["", "00", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            assert!(parse_pin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pmta = Pmta { ca_file: Some(file.path().to_owned()), ..Pmta::default() };
        let why = settings(&pmta).unwrap_err().to_string();
        assert!(why.contains("ca_file") && why.contains("no certificate"), "{why}");
        let pmta = Pmta { ca_file: Some("/nowhere/ca.pem".into()), ..Pmta::default() };
        assert!(settings(&pmta).unwrap_err().to_string().contains("/nowhere/ca.pem cannot be read"));
    }
}
