//! Why a request was not let through: `error_reason` of the access log (alb.md 3 and 8).

/// The session cookies were not sealed here, or were changed since.
pub const AUTH_INVALID_COOKIE: &str = "AuthInvalidCookie";
/// The token endpoint does not know the code.
pub const AUTH_INVALID_GRANT_ERROR: &str = "AuthInvalidGrantError";
/// There is no id token, or it is for somebody else, or over.
pub const AUTH_INVALID_ID_TOKEN: &str = "AuthInvalidIdToken";
/// The state was not sealed here, or is for another browser or host, or too old.
pub const AUTH_INVALID_STATE_PARAM: &str = "AuthInvalidStateParam";
/// The answer of the token endpoint is not one.
pub const AUTH_INVALID_TOKEN_RESPONSE: &str = "AuthInvalidTokenResponse";
/// The answer of the user info endpoint is not one.
pub const AUTH_INVALID_USERINFO_RESPONSE: &str = "AuthInvalidUserinfoResponse";
/// The browser came back without a code.
pub const AUTH_MISSING_CODE_PARAM: &str = "AuthMissingCodeParam";
/// Nobody knows where to send the browser back to.
pub const AUTH_MISSING_HOST_HEADER: &str = "AuthMissingHostHeader";
/// The browser came back without a state.
pub const AUTH_MISSING_STATE_PARAM: &str = "AuthMissingStateParam";
/// The token endpoint cannot be reached, or answers with an error.
pub const AUTH_TOKEN_EP_REQUEST_FAILED: &str = "AuthTokenEpRequestFailed";
/// The token endpoint takes too long.
pub const AUTH_TOKEN_EP_REQUEST_TIMEOUT: &str = "AuthTokenEpRequestTimeout";
/// Something that is not the client's doing, nor the identity provider's.
pub const AUTH_UNHANDLED_EXCEPTION: &str = "AuthUnhandledException";
/// The user info endpoint cannot be reached, or answers with an error.
pub const AUTH_USERINFO_EP_REQUEST_FAILED: &str = "AuthUserinfoEpRequestFailed";
/// The user info endpoint takes too long.
pub const AUTH_USERINFO_EP_REQUEST_TIMEOUT: &str = "AuthUserinfoEpRequestTimeout";
/// The claims take more than 11 KB.
pub const AUTH_USERINFO_RESPONSE_SIZE_EXCEEDED: &str = "AuthUserinfoResponseSizeExceeded";

/// There is no `Authorization`.
pub const JWT_HEADER_NOT_PRESENT: &str = "JWTHeaderNotPresent";
/// `Authorization` holds no JWT.
pub const JWT_REQUEST_FORMAT_INVALID: &str = "JWTRequestFormatInvalid";
/// No key of the endpoint made the signature.
pub const JWT_SIGNATURE_VALIDATION_FAILED: &str = "JWTSignatureValidationFailed";
/// A claim is missing.
pub const JWT_CLAIM_NOT_PRESENT: &str = "JWTClaimNotPresent";
/// A claim is not written as it should be.
pub const JWT_CLAIM_FORMAT_INVALID: &str = "JWTClaimFormatInvalid";
/// A claim says something else.
pub const JWT_CLAIM_VALUE_INVALID: &str = "JWTClaimValueInvalid";
/// The endpoint of the keys takes too long.
pub const JWKS_REQUEST_TIMEOUT: &str = "JWKSRequestTimeout";
/// The keys take more than 150 KB.
pub const JWKS_RESPONSE_SIZE_EXCEEDED: &str = "JWKSResponseSizeExceeded";
/// Something that is neither the client's doing, nor the endpoint's: for whoever makes the calls.
pub const JWT_VALIDATION_INTERNAL_ERROR: &str = "JWTValidationInternalError";
/// The endpoint of the keys cannot be reached, or answers with an error.
pub const JWKS_REQUEST_FAILED: &str = "JWKSRequestFailed";
/// The endpoint answers with something else than 1 to 10 keys.
pub const JWKS_RESPONSE_INVALID: &str = "JWKSResponseInvalid";
