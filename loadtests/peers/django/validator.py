"""The documented way to add a claim to django-oauth-toolkit."""

from oauth2_provider.oauth2_validators import OAuth2Validator


class AgeValidator(OAuth2Validator):
    """Adds the age band under the scope `age`."""

    oidc_claim_scope = {**OAuth2Validator.oidc_claim_scope, "age_band": "age"}

    def get_additional_claims(self):
        return {"age_band": lambda request: "adult"}
