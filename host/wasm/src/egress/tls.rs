//! How is a host made to prove that it is the one that was asked for?

use crate::network::{Host, Scheme, Target};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Whose certificates count.
#[derive(Clone)]
pub(crate) enum TlsTrust {
    /// Those of the authorities that browsers trust.
    Public,
    /// Those of authorities that the operator names, and of nobody else.
    Own(Arc<ClientConfig>),
}

/// The public authorities, made ready when they are first needed.
#[derive(Default)]
pub(super) struct PublicTrust(OnceLock<Arc<ClientConfig>>);

impl TlsTrust {
    /// Reads certificates of authorities.
    pub(crate) fn of_pem(pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| format!("it cannot be read as PEM: {error}"))?;
            roots
                .add(certificate)
                .map_err(|error| format!("a certificate in it is of no use: {error}"))?;
        }
        if roots.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        config(roots).map(Self::Own).map_err(|error| error.to_string())
    }
}

impl fmt::Debug for TlsTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "Public",
            Self::Own(_) => "Own",
        })
    }
}

impl PublicTrust {
    fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = self.0.get() {
            return Ok(Arc::clone(config));
        }
        let roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let config = config(roots).map_err(|_| Error::ConfigurationError)?;
        Ok(Arc::clone(self.0.get_or_init(|| config)))
    }
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    // Named, not the one of the process: another library could choose another.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Returns the connection as the scheme wants it. The name that the host must prove is the one that was asked for,
/// whatever address it has.
pub(super) async fn wrap(
    stream: TcpStream,
    target: &Target,
    trust: &TlsTrust,
    public: &PublicTrust,
) -> Result<Box<dyn Stream>, Error> {
    if target.scheme == Scheme::Http {
        return Ok(Box::new(stream));
    }
    let config = match trust {
        TlsTrust::Public => public.config()?,
        TlsTrust::Own(config) => Arc::clone(config),
    };
    let name = match &target.host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid)?,
        Host::Address(address) => ServerName::from(*address),
    };
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
            match cause {
                Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
                Some(_) => Error::TlsProtocolError,
                None => Error::ConnectionTerminated,
            }
        })?;
    Ok(Box::new(stream))
}
