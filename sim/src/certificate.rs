//! The self-signed certificate both servers show. Built in with the feature `tls`, which the tests
//! turn on; the product's own binary simulates plain http and needs no TLS server.

#[cfg(feature = "tls")]
pub(crate) use secured::Certificate;
#[cfg(not(feature = "tls"))]
pub(crate) use unsecured::Certificate;

#[cfg(feature = "tls")]
mod secured {
    use crate::options::SimError;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};
    use std::io::{self, Read, Write};
    use std::sync::Arc;

    pub(crate) struct Certificate {
        pub pem: String,
        pub der: Vec<u8>,
        config: Arc<ServerConfig>,
    }

    impl Certificate {
        pub const SPEAKS_TLS: bool = true;

        pub fn make() -> Result<Self, SimError> {
            let names = ["localhost", "127.0.0.1", "mta.sender.example"].map(str::to_owned);
            let failed = |error: &dyn std::fmt::Display| SimError::Certificate(error.to_string());
            let made = rcgen::generate_simple_self_signed(names).map_err(|error| failed(&error))?;
            let der = made.cert.der().to_vec();
            let key =
                PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(|error| failed(&error))?;
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| failed(&error))?
                .with_no_client_auth()
                .with_single_cert(vec![CertificateDer::from(der.clone())], key)
                .map_err(|error| failed(&error))?;
            Ok(Self { pem: made.cert.pem(), der, config: Arc::new(config) })
        }

        /// The server's side of TLS over a connection.
        pub fn secure<S: Read + Write>(&self, stream: S) -> io::Result<impl Read + Write + use<S>> {
            let connection = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
            Ok(StreamOwned::new(connection, stream))
        }
    }
}

#[cfg(not(feature = "tls"))]
mod unsecured {
    use crate::options::SimError;
    use std::io::{self, Read, Write};

    pub(crate) struct Certificate {
        /// Empty: there is none.
        pub pem: String,
        pub der: Vec<u8>,
    }

    impl Certificate {
        pub const SPEAKS_TLS: bool = false;

        pub fn make() -> Result<Self, SimError> {
            Ok(Self { pem: String::new(), der: Vec::new() })
        }

        /// Nobody is offered TLS, so whoever begins it is turned away.
        pub fn secure<S: Read + Write>(&self, _stream: S) -> io::Result<S> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }
    }
}
