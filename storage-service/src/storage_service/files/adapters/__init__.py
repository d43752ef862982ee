"""Where contents lie: the object store, and the folder of uploads in the making."""
