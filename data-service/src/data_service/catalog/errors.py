"""Expected failures of the catalogue."""

from shared.errors import ConflictError, InvalidInputError, NotFoundError


class ProductNotFoundError(NotFoundError):
    code = "product_not_found"
    title = "No such article"


class SupplierNotFoundError(NotFoundError):
    code = "supplier_not_found"
    title = "No such supplier"


class SkuTakenError(ConflictError):
    code = "sku_taken"
    title = "Article code already used"


class UnknownSupplierError(InvalidInputError):
    code = "unknown_supplier"
    title = "Unknown supplier"


class UnknownWarehouseError(InvalidInputError):
    code = "unknown_warehouse"
    title = "Unknown warehouse"
