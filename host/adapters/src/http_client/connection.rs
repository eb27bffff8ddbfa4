//! A connection to an address that was cleared, and TLS over it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::HttpSettings;
use ringfence_core::governance::{ClearedAddress, Scheme, WebHost, WebUrl};
use ringfence_core::refusal::{Refusal, RefusalKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Bytes that go both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Whose certificates are believed: the machine's roots, and the operator's own.
#[derive(Default)]
pub(crate) struct Trust {
    own: Vec<CertificateDer<'static>>,
    /// Read when it is first needed.
    config: OnceLock<Arc<ClientConfig>>,
}

impl Trust {
    /// The machine's roots, and those of the operator's file.
    pub(super) fn of(settings: &HttpSettings) -> Result<Self, String> {
        let Some(file) = &settings.ca else { return Ok(Self::default()) };
        let wrong = |why: String| format!("ca: {}: {why}", file.display());
        let pem = std::fs::read(file).map_err(|why| wrong(why.to_string()))?;
        Self::with(&pem).map_err(wrong)
    }

    /// The machine's roots and these, as PEM.
    pub(crate) fn with(pem: &[u8]) -> Result<Self, String> {
        let own: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let own = own.map_err(|why| format!("the certificates are no PEM: {why}"))?;
        if own.is_empty() {
            return Err("there is no certificate in it".into());
        }
        let mut roots = RootCertStore::empty();
        for certificate in &own {
            roots.add(certificate.clone()).map_err(|why| format!("a certificate cannot be used: {why}"))?;
        }
        Ok(Self { own, config: OnceLock::new() })
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let config = self.config.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots.add_parsable_certificates(self.own.iter().cloned());
            let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
            let builder = builder.with_safe_default_protocol_versions().expect("the provider has them");
            let mut config = builder.with_root_certificates(roots).with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(config)
        });
        Arc::clone(config)
    }

    /// Connects to one of the cleared addresses, the first that answers, and to nothing else.
    pub(crate) async fn connect(
        &self,
        url: &WebUrl,
        cleared: &[ClearedAddress],
        patience: Duration,
    ) -> Result<Box<dyn Stream>, Refusal> {
        let mut why = failed("the name has no address");
        for address in cleared {
            match tokio::time::timeout(patience, TcpStream::connect(address.socket())).await {
                Ok(Ok(stream)) => return self.secured(url, stream, patience).await,
                Ok(Err(_)) => why = failed("no connection could be made"),
                Err(_) => why = Refusal::new(RefusalKind::TimedOut, "no connection was made in time"),
            }
        }
        Err(why)
    }

    async fn secured(
        &self,
        url: &WebUrl,
        stream: TcpStream,
        patience: Duration,
    ) -> Result<Box<dyn Stream>, Refusal> {
        if url.scheme() == Scheme::Http {
            return Ok(Box::new(stream));
        }
        let name = match url.host() {
            WebHost::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|_| failed("the host has no name"))?
            }
            WebHost::Address(address) => ServerName::from(*address),
        };
        let secured = TlsConnector::from(self.config()).connect(name, stream);
        match tokio::time::timeout(patience, secured).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(why)) => Err(failed(&format!("no secure connection could be made: {why}"))),
            Err(_) => Err(Refusal::new(RefusalKind::TimedOut, "no secure connection was made in time")),
        }
    }
}

fn failed(why: &str) -> Refusal {
    Refusal::new(RefusalKind::Failed, why)
}
