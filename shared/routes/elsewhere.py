"""What LiteLLM's `allowed_routes` may name and Tollway does not serve: kept, and allows nothing until it is here."""

GROUPS = frozenset(
    {
        *("admin_viewer_routes", "agent_routes", "apply_guardrail_routes", "compliance_check_routes", "google_routes"),
        *("internal_user_routes", "internal_user_view_only_routes", "litellm_native_routes", "master_key_only_routes"),
        *("mcp_management_routes", "mcp_routes", "openai_route_names", "org_admin_allowed_routes"),
        *("org_admin_only_routes", "public_routes", "self_managed_routes", "sso_only_routes", "ui_routes"),
    }
)

_LLM = (
    *("/assistants", "/audio", "/batches", "/completions", "/containers", "/embeddings", "/evals", "/files"),
    *(
        "/fine_tuning",
        "/images",
        "/interactions",
        "/messages/count_tokens",
        "/moderations",
        "/ocr",
        "/rag",
        "/realtime",
    ),
    *("/realtime", "/rerank", "/responses", "/search", "/skills", "/threads", "/vector_stores", "/videos"),
)
"""Of the LLM API, each with `/v1` and `/v2` before it, and without."""

_MANAGEMENT = (
    *("/access_group", "/active", "/add", "/apply_guardrail", "/auto_router", "/budget/settings", "/cache"),
    *("/config/cost_margin", "/config/field", "/config/list", "/config/pass_through_endpoint", "/config/yaml"),
    *("/credentials/migrate-encryption", "/customer/daily/activity", "/delete", "/docs", "/gateway"),
    *("/global/activity/cache_hits", "/global/activity/exceptions", "/global/predict", "/global/spend/end_users"),
    *("/global/spend/reset", "/guardrails"),
    *("/health", "/key/access_group_assignment", "/key/bulk_update", "/key/health", "/key/spend", "/management"),
    *("/metrics", "/model/block", "/model/deprecations", "/model/metrics", "/model/settings"),
    *("/model/streaming_metrics", "/model/unblock", "/model_group/make_public", "/model_hub"),
    *("/organization/daily/activity", "/organization/spend", "/policies", "/settings"),
    *("/spend/capture_rate", "/spend/logs", "/sso", "/tag", "/team/bulk_member_add", "/team/callback"),
    *("/team/daily/activity", "/team/disable_logging", "/team/filter", "/team/key", "/team/metadata_schema"),
    *("/team/permissions_bulk_update", "/team/permissions_list", "/team/permissions_update", "/team/spend", "/ui"),
    *("/user/available_roles", "/user/available_users", "/user/bulk_update", "/user/daily/activity", "/user/filter"),
    *("/user/get_users", "/user/password", "/user/spend", "/v1/access_group", "/v1/agents", "/v1/mcp"),
    *("/v1/model/deprecations", "/v1/unified_access_group", "/v2/guardrails", "/v2/login", "/v2/model/info"),
)

_NATIVE = (
    *("/a2a", "/assemblyai", "/azure", "/azure_ai", "/bedrock", "/cohere", "/cursor", "/engines", "/eu.assemblyai"),
    *("/gemini", "/groq", "/langfuse", "/mcp", "/milvus", "/mistral", "/v1beta", "/vertex-ai", "/vertex_ai", "/vllm"),
)

PATHS = (*(prefix + path for prefix in ("", "/v1", "/v2") for path in _LLM), *_MANAGEMENT, *_NATIVE)
"""Paths, each with everything below it."""
