//! The certificates that servers' certificates must lead to.

use std::{env, sync::Arc};

use lambda_runtime::Error;
use mysql_async::SslOpts;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The roots of RDS's certificate authorities, for every commercial Region:
/// <https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem>, without those of previews.
/// China and the GovCloud Regions have bundles of their own.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html>
const RDS_ROOTS: &[u8] = include_bytes!("rds_roots.pem");

/// The variable with further certificates that are trusted, as PEM.
const MORE_ROOTS: &str = "DATABASE_TRUST_ANCHORS";

/// The trusted certificates: those of RDS, and the operator's own. No public authority is among them.
pub struct TrustedRoots {
    pem: Vec<u8>,
    config: ClientConfig,
}

impl TrustedRoots {
    /// Reads the operator's certificates from the environment.
    ///
    /// # Errors
    ///
    /// Fails if a certificate cannot be read.
    pub fn from_env() -> Result<Self, Error> {
        // A stack's parameter has one line. No line of PEM but the first and the last has spaces.
        let more = env::var(MORE_ROOTS)
            .unwrap_or_default()
            .replace("\\n", "\n");
        Self::new([RDS_ROOTS, more.as_bytes()].concat())
    }

    fn new(pem: Vec<u8>) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            store.add(certificate?)?;
        }

        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self { pem, config })
    }

    /// TLS for PostgreSQL, which verifies the certificate and the host name.
    pub fn for_postgresql(&self) -> MakeRustlsConnect {
        MakeRustlsConnect::new(self.config.clone())
    }

    /// TLS for MySQL, which verifies the certificate and the host name.
    pub fn for_mysql(&self) -> SslOpts {
        SslOpts::default()
            .with_root_certs(vec![self.pem.clone().into()])
            .with_disable_built_in_roots(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_root_of_rds_is_a_certificate() {
        let roots = CertificateDer::pem_slice_iter(RDS_ROOTS);
        assert_eq!(roots.filter(Result::is_ok).count(), 102);
        assert!(TrustedRoots::new(RDS_ROOTS.to_vec()).is_ok());
    }
}
